"""How a registered model earns its traffic: shadow, canary, ramp, and back by itself when it harms."""

"""The stages of the pipeline, one module each: a plain function with typed inputs and outputs, plus a command."""

"""What stands between a rollout's decisions (`release`) and the records, MLflow, the people and the pages."""

"""TrainingJob: pure planners, and one reconcile that runs them."""

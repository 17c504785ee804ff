"""The machinery of a level-triggered controller. Knows nothing of jobs and nothing of Kubernetes' API."""

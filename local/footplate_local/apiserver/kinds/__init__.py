"""The kinds that are served: the registry, the built-in ones, and those that CustomResourceDefinitions define."""

"""The custom resources of footplate.dev/v1alpha1 as frozen pydantic models, and the CRDs made from them. No I/O."""

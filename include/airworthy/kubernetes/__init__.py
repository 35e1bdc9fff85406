"""The manifests of ``infra/kubernetes``, rendered and applied by kubectl."""

"""Model servers on a Kubernetes cluster: TensorFlow Serving by itself, and KServe."""

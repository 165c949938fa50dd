"""The gRPC services, on grpc.aio."""

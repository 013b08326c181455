"""One picture as a generator: patches at once, a trained pyramid when it is ready."""

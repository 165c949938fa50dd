"""The formats that a model is exported in beside its SavedModel: LiteRT for devices, TensorFlow.js for browsers."""

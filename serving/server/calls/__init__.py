"""What each call of TensorFlow Serving does, whatever it travelled over."""

"""A checkpoint in use: predictions for lines of text, and the same network as ONNX."""

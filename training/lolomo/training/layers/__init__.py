"""Small Keras layers, one idea a file, that the deep models are made of. Imports Keras."""

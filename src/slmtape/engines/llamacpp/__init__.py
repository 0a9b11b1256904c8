"""Answers from a GGUF model in llama.cpp, on the CPU. The only place that names llama_cpp."""

"""X-VLM and DF-X-VLM, from transformers parts."""

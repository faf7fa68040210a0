"""What a Hugging Face Space needs and nothing else."""

"""What judging is: records, video, prompts, replies, backends, the run folder. The only room the other rooms import."""

"""The procedural video world: scenes that know their facts, drawn to real clips, asked about, answered well and badly.

sampling -> scene -> drawing -> clip                    a seed becomes an mp4 file
            scene -> facts -> labels                    what it knows, for any reader and for vision pre-training
            scene -> asking -> questions, wording       instructions, and templates for their responses
                     flaws -> targets                   five rated responses, reasoning, rubric: Items and Judgments
            distortions, levels -> quality              clips of known quality: scores, levels, justifications, answers
            cuts, cut_facts -> negatives                the same frames out of place, and what is true of them then
folder      all of it, scene after scene                leaks, examples    a check of the text; what ships
"""

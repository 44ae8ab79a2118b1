"""Plans: a learner's application asks for one anew, and reads what became of it."""

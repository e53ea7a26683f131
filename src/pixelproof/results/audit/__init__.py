"""What an audit leaves: the claim, what attacks did, what checkpoints say, and what all of it comes to."""

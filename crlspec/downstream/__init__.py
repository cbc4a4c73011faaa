"""After recovery: what a Result can be asked, and where it can be taken."""

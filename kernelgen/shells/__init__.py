"""What is iterated: the code around a kernel that gives it its arguments."""

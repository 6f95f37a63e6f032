"""What is logged: lines for machines or for people, on the console and in one shared file, without any secret."""

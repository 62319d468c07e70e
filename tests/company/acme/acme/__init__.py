"""What a make-believe company adds to Lolomo."""

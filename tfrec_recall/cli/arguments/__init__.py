"""What commands are called with: options that several have, and what is made of them."""

"""Ways to train the same network, one file each; a worker process runs one of them."""

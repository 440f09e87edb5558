"""The keeper: asks Nova again for the images that are declared, before Nova purges them."""

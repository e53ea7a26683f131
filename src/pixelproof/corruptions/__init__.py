"""What happens to images by itself: common perturbations and corruptions, batched, and the same for the same image."""

"""What happens around the steps of a training: the schedule is applied; epochs are recorded, judged and kept."""

"""Camera drivers: the interface they implement, and how one is found and made."""

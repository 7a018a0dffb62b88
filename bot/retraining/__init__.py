"""`/retrain`: a new model beside the running one, trained in a process of its own."""

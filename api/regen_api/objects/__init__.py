"""Reading outputs from the store. There is no call here that writes, lists or deletes (rule R8)."""

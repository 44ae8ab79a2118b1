"""The control plane: it triggers and shows. It has no way to run, launch, change or store anything (rule R8)."""

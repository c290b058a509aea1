-- An app for kit_spec.lua that cannot be loaded.
error("broken here")

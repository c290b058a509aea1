-- An app for kit_spec.lua that forgets to listen.
require("ratchet").App("localhost", 8080)

-- test - `ratchet-lua test`: busted inside the program.

return function()
  return 0
end

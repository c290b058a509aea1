# Completion of ratchet-lua for bash. Options are those that --help tells of.

_ratchet_lua() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]} commands="bench check connect doctor drain new reload rollback test"
  local program=${COMP_WORDS[0]}
  COMPREPLY=()

  case "$before" in
    --template)
      mapfile -t COMPREPLY < <(compgen -W "chat dashboard game rooms wamp" -- "$word")
      return ;;
    --format | --log-format)
      mapfile -t COMPREPLY < <(compgen -W "text json" -- "$word")
      return ;;
    --log-level)
      mapfile -t COMPREPLY < <(compgen -W "debug info warn error off" -- "$word")
      return ;;
    --binary)
      if [ "$command" = connect ]; then COMPREPLY=(hex); return; fi ;;
  esac

  case " $commands " in
    *" $command "*) [ "$COMP_CWORD" -gt 1 ] || command= ;;
    *) command= ;;
  esac
  if [[ $word == -* ]]; then
    local options
    options=$("$program" $command --help 2>/dev/null | grep -oE '^  --[a-z-]+')
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    return
  fi
  [ "$COMP_CWORD" -gt 1 ] || mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
  local path
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(
    compgen -d -S / -- "$word"
    compgen -f -X '!*.lua' -- "$word"
  )
}

complete -o nospace -F _ratchet_lua ratchet-lua

# bash completion for holdfast: commands, options, and the fields of -o. It asks the tool itself.
_holdfast() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "watch doctor explain serve plot top fleet --help --version" -- "$word")
    return
  fi
  case $before in
    --ca|--cert|--creds|--key|--token-file|--output) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --script) mapfile -t COMPREPLY < <(compgen -W "echo drop silence refuse restart" -- "$word"); return ;;
    --stage) mapfile -t COMPREPLY < <(compgen -W "provider resolve connect proxy tls upgrade session" -- "$word"); return ;;
    --invalid-text) mapfile -t COMPREPLY < <(compgen -W "strict replace binary" -- "$word"); return ;;
    -o|--option)
      mapfile -t COMPREPLY < <(compgen -S = -W "$(holdfast watch -o help 2>/dev/null | cut -d' ' -f1)" -- "$word")
      compopt -o nospace
      return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$(holdfast "$command" --help 2>/dev/null | grep -oE -- '--[a-z-]+' | sort -u)" -- "$word")
}
complete -F _holdfast holdfast

# bash completion for duet: the options come from the program's own help.
_duet()
{
	local cur=${COMP_WORDS[COMP_CWORD]} options
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "run mock check ps demo help --help --version" -- "$cur")
		return
	fi
	if [[ $cur == -* ]]; then
		options=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help 2>/dev/null |
			grep -oE -- '(^| )--?[a-z][a-z-]*' | tr -d ' ' | sort -u)
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--format) mapfile -t COMPREPLY < <(compgen -W "batch jsonl text" -- "$cur") ;;
	--progress) mapfile -t COMPREPLY < <(compgen -W "auto bar json none" -- "$cur") ;;
	--expect) mapfile -t COMPREPLY < <(compgen -W "nothing json" -- "$cur") ;;
	--post) mapfile -t COMPREPLY < <(compgen -W "json code-extract tokens simhash busy=" -f -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -o filenames -F _duet duet

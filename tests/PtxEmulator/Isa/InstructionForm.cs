namespace PtxEmulator.Isa;

/// <summary>One line of the <see cref="InstructionTable"/>.</summary>
internal sealed class InstructionForm
{
    private readonly List<(Dictionary<string, (int Version, int Target)> Choices, bool IsOptional)> _parts = [];
    private int _version;
    private int _target;

    public string Opcode { get; private init; } = "";

    public static InstructionForm Parse(string line)
    {
        var words = line.Split(' ');
        var form = new InstructionForm { Opcode = words[0], _version = int.Parse(words[1]), _target = int.Parse(words[2]) };
        foreach (var word in words.AsSpan(3))
        {
            var isOptional = word.EndsWith('?');
            var choices = new Dictionary<string, (int, int)>();
            foreach (var choice in word.TrimEnd('?').Split('|'))
            {
                var pieces = choice.Split('@');
                choices[pieces[0]] = pieces.Length == 3 ? (int.Parse(pieces[1]), int.Parse(pieces[2])) : (form._version, form._target);
            }

            form._parts.Add((choices, isOptional));
        }

        return form;
    }

    /// <summary>The version and target these modifiers need; null if they are not this form.</summary>
    public (int Version, int Target)? Match(string[] modifiers)
    {
        var version = _version;
        var target = _target;
        var at = 0;
        // No modifier stands in two neighbouring parts of a form, but types of cvt do, and those are not optional: greedy is exact.
        foreach (var (choices, isOptional) in _parts)
        {
            if (at < modifiers.Length && choices.TryGetValue(modifiers[at], out var needs))
            {
                version = Math.Max(version, needs.Version);
                target = Math.Max(target, needs.Target);
                at++;
            }
            else if (!isOptional)
            {
                return null;
            }
        }

        return at == modifiers.Length ? (version, target) : null;
    }
}

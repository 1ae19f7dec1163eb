using System.Text.RegularExpressions;

namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>A kernel with one planted defect.</summary>
/// <param name="Kind">What was done to it.</param>
/// <param name="Line">Where, from 1.</param>
/// <param name="Before">The line as it was.</param>
/// <param name="Text">The whole module.</param>
internal sealed partial record Mutant(MutantKind Kind, int Line, string Before, string Text)
{
    /// <summary>All mutants of a module, in the order of its lines.</summary>
    public static IEnumerable<Mutant> Of(string ptx)
    {
        var lines = ptx.Split('\n');
        var mentions = lines.Where(l => !l.TrimStart().StartsWith(".reg", StringComparison.Ordinal)).SelectMany(l => Register().Matches(l).Select(m => m.Value)).CountBy(r => r).ToDictionary();
        for (var i = 0; i < lines.Length; i++)
            foreach (var (kind, changed) in Changes(lines[i]))
            {
                // A result that nobody reads, or an address that is the same in both spaces: the kernel is right without the line.
                if (kind == MutantKind.DroppedLine && (lines[i].Contains("cvta.", StringComparison.Ordinal)
                    || (Register().Match(lines[i]) is { Success: true } result && mentions[result.Value] == 1))) continue;
                var mutated = (string[])lines.Clone();
                mutated[i] = changed;
                yield return new Mutant(kind, i + 1, lines[i].Trim(), string.Join('\n', mutated));
            }
    }

    private static IEnumerable<(MutantKind Kind, string Changed)> Changes(string line)
    {
        var code = line.Split("//")[0];
        if (!Instruction().IsMatch(code)) yield break;
        if (Barrier().IsMatch(code))
        {
            yield return (MutantKind.DroppedBarrier, "");
            yield break;
        }

        if (Access().Match(code) is { Success: true } access)
        {
            var bytes = int.Parse(access.Groups["bits"].ValueSpan) / 8;
            var offset = access.Groups["offset"].Success ? int.Parse(access.Groups["offset"].ValueSpan) : 0;
            var place = access.Groups["place"];
            yield return (MutantKind.ShiftedIndex, $"{code[..place.Index]}[{access.Groups["base"].Value}+{offset + bytes}]{code[(place.Index + place.Length)..]}");
        }

        // A branch or a return that is taken only sometimes is a bound; a guard in front of anything else as well.
        if (Guard().Match(code) is { Success: true } guard)
            yield return (MutantKind.ForgottenBound, GuardedJump().IsMatch(code) ? "" : code.Remove(guard.Index, guard.Length));
        else if (!Jump().IsMatch(code))
            yield return (MutantKind.DroppedLine, "");
    }

    // What stands inside a body: it ends in a semicolon and declares nothing.
    [GeneratedRegex(@"^\s*(?![.{}(])(@!?%\w+\s+)?[a-z][\w.:]*\s+.*;\s*$|^\s*(@!?%\w+\s+)?(ret|exit)(\.uni)?\s*;\s*$")]
    private static partial Regex Instruction();

    [GeneratedRegex(@"^\s*(@!?%\w+\s+)?(bar\.|barrier\.|membar\.|fence\.)")]
    private static partial Regex Barrier();

    [GeneratedRegex(@"^\s*(@!?%\w+\s+)?(ld|st|red|atom)(\.volatile|\.relaxed|\.\w+)*?\.(global|shared)[\w.]*?\.[busf](?<bits>\d+)\s[^\[]*(?<place>\[(?<base>[%\w]+)(\+(?<offset>\d+))?\])")]
    private static partial Regex Access();

    [GeneratedRegex(@"%\w+")]
    private static partial Regex Register();

    [GeneratedRegex(@"@!?%\w+\s+")]
    private static partial Regex Guard();

    [GeneratedRegex(@"^\s*@!?%\w+\s+(bra|ret|exit)\b")]
    private static partial Regex GuardedJump();

    [GeneratedRegex(@"^\s*(bra|ret|exit)\b")]
    private static partial Regex Jump();
}

/// <summary>The defects that are planted.</summary>
internal enum MutantKind
{
    DroppedBarrier,
    ShiftedIndex,
    ForgottenBound,
    DroppedLine,
}

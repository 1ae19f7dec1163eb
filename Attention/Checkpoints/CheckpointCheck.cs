using Edifice.Engine;
using Edifice.Engine.Ops;
using Edifice.Engine.Serialization;
using Edifice.Nn;

namespace Edifice.Attention.Checkpoints;

/// <summary>Holds a checkpoint against its layout.</summary>
internal static class CheckpointCheck
{
    /// <summary>The model that a checkpoint holds, and where its tensors are.</summary>
    /// <exception cref="CheckpointException">Everything that is wrong.</exception>
    public static (PublishedModel Model, IReadOnlyList<LayoutEntry> Entries) Run(CheckpointFiles files, PublishedLayout layout, OptionBag config)
    {
        var subject = $"{files.Path} as {layout.Name}";
        var source = new LayoutReader(files.Names.ToDictionary(n => n, n => files[n].Shape), config);
        var model = layout.Read(source);
        var problems = source.Problems.ToList();
        if (problems.Count == 0) problems.AddRange(OptionsOf(model));
        // Without the sizes no other shape can be judged.
        if (problems.Count > 0) throw new CheckpointException(subject, problems);
        var entries = layout.Entries(model, source.Has);
        problems = [.. Compare(files, entries)];
        // Contents are looked at only where everything else is right: it means reading.
        if (problems.Count == 0) problems.AddRange(Contents(files, entries, layout.Sizes(model)));
        return problems.Count == 0 ? (model, entries) : throw new CheckpointException(subject, problems);
    }

    private static IReadOnlyList<string> OptionsOf(PublishedModel model)
    {
        try
        {
            model.Options.Validate();
            return [];
        }
        catch (OptionException e)
        {
            return e.Problems;
        }
    }

    private static IEnumerable<string> Compare(CheckpointFiles files, IReadOnlyList<LayoutEntry> entries)
    {
        var present = files.Names.ToHashSet();
        var missing = entries.Where(e => !e.Rule.IsOptional && !present.Contains(e.Published)).ToArray();
        foreach (var e in missing) yield return $"missing: {e.Published} {e.Shape}";
        var known = entries.Select(e => e.Published).ToHashSet();
        foreach (var name in files.Names.Where(n => !known.Contains(n)))
            yield return $"unknown: {SafetensorsException.Quote(name)} {files[name].Shape}{NearestName.Hint(name, missing.Select(e => e.Published))}";
        foreach (var entry in entries.Where(e => present.Contains(e.Published)))
        {
            var stored = files[entry.Published];
            if (entry.Rule is UnusedRule) continue;
            if (stored.Shape != entry.Shape) yield return $"{entry.Published} is {stored.Shape} and must be {entry.Shape} ([{entry.Rule.Shape}])";
            if (stored.DType is not { } dtype || !dtype.IsFloating()) yield return $"{entry.Published} holds {stored.Format}: weights are F64, F32, F16 or BF16";
        }
    }

    /// <summary>What is wrong with the elements of tensors that other tensors or the block determine.</summary>
    private static IEnumerable<string> Contents(CheckpointFiles files, IReadOnlyList<LayoutEntry> entries, IReadOnlyDictionary<string, int> sizes)
    {
        foreach (var entry in entries.Where(e => files.Names.Contains(e.Published)))
        {
            switch (entry.Rule)
            {
                case CopyRule rule when !Equal(files, entry.Published, rule.Of):
                    yield return $"{entry.Published} must be the same as {rule.Of}: the model's head is tied";
                    break;
                case ConstantRule rule when Farthest(files, entry.Published, rule.Values(sizes)) is { } problem:
                    yield return problem;
                    break;
            }
        }
    }

    private static bool Equal(CheckpointFiles files, string a, string b)
    {
        using var scope = Tensor.Scope();
        return files.Read(a).To(DType.Float32).EqualTo(files.Read(b).To(DType.Float32)).All().Item() != 0;
    }

    private static string? Farthest(CheckpointFiles files, string name, double[] right)
    {
        using var scope = Tensor.Scope();
        var stored = files.Read(name).To(DType.Float64).ToArray<double>();
        for (var i = 0; i < right.Length; i++)
            if (!(Math.Abs(stored[i] - right[i]) <= ConstantRule.Tolerance * Math.Abs(right[i])))
                return FormattableString.Invariant($"{name}: element {i} is {stored[i]}; the block has {right[i]} and no option for it");
        return null;
    }
}

namespace Edifice.Engine.Ops;

/// <summary>The table's rows for the views of Tensor.Views.cs.</summary>
internal static class Views
{
    public static IEnumerable<OpEntry> Entries()
    {
        yield return new OpEntry("reshape", c => c["x"].Reshape(c.Options.Ints("shape") ?? []),
            () => OpCase.Of("""{"shape": [2, -1]}""", ("x", Sample.Normal(3, 4))),
            () => OpCase.Of("""{"shape": [6, 2]}""", ("x", Sample.Transposed(Sample.Normal(4, 3)))));
        yield return new OpEntry("transpose", c => c["x"].Transpose(c.Options.Int("a", -2), c.Options.Int("b", -1)),
            () => OpCase.Of("""{"a": 0, "b": 2}""", ("x", Sample.Normal(2, 3, 4))));
        yield return new OpEntry("permute", c => c["x"].Permute(c.Options.Ints("axes") ?? []),
            () => OpCase.Of("""{"axes": [2, 0, 1]}""", ("x", Sample.Normal(2, 3, 4))));
        yield return new OpEntry(
            "slice", c => c["x"].Slice(c.Options.Int("axis", 0), c.Options.IntOrNull("start"), c.Options.IntOrNull("stop"), c.Options.Int("step", 1)),
            () => OpCase.Of("""{"axis": 1, "start": 1, "stop": -1, "step": 2}""", ("x", Sample.Normal(3, 7))),
            () => OpCase.Of("""{"axis": 0, "step": -2}""", ("x", Sample.Normal(5, 2))));
        yield return new OpEntry("narrow", c => c["x"].Narrow(c.Options.Int("axis", 0), c.Options.Int("start", 0), c.Options.Int("length", 0)),
            () => OpCase.Of("""{"axis": 1, "start": 2, "length": 3}""", ("x", Sample.Normal(3, 7))));
        yield return new OpEntry("select", c => c["x"].Select(c.Options.Int("axis", 0), c.Options.Int("index", 0)),
            () => OpCase.Of("""{"axis": 1, "index": -1}""", ("x", Sample.Normal(3, 4))));
        yield return new OpEntry("expand", c => c["x"].Expand(c.Options.Ints("shape") ?? []),
            () => OpCase.Of("""{"shape": [2, 3, 4]}""", ("x", Sample.Normal(3, 1))));
        yield return new OpEntry("sum_to", c => c["x"].SumTo(c.Options.Ints("shape") ?? []),
            () => OpCase.Of("""{"shape": [3, 1]}""", ("x", Sample.Normal(2, 3, 4))));
        yield return new OpEntry("flip", c => c["x"].Flip(c.Options.Ints("axes") ?? []),
            () => OpCase.Of("""{"axes": [0, 1]}""", ("x", Sample.Normal(3, 4))));
        yield return new OpEntry("squeeze", c => c["x"].Squeeze(c.Options.Ints("axes") ?? []),
            () => OpCase.Of("""{"axes": [1]}""", ("x", Sample.Normal(3, 1, 4))));
        yield return new OpEntry("unsqueeze", c => c["x"].Unsqueeze(c.Options.Int("axis", 0)),
            () => OpCase.Of("""{"axis": -1}""", ("x", Sample.Normal(3, 4))));
        yield return new OpEntry("flatten", c => c["x"].Flatten(c.Options.Int("first", 0), c.Options.Int("last", -1)),
            () => OpCase.Of("""{"first": 1}""", ("x", Sample.Normal(2, 3, 4))));
    }
}

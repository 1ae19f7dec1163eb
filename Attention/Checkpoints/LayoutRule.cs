namespace Edifice.Attention.Checkpoints;

/// <summary>One line of a layout's table: a published tensor, for all layers where its name has <c>{i}</c> in it.</summary>
/// <param name="Published">Its name.</param>
/// <param name="Shape">Its extents: numbers, and the layout's sizes by name (<c>"F, H"</c>).</param>
internal abstract record LayoutRule(string Published, string Shape)
{
    /// <summary>What stands for a layer's number.</summary>
    public const string LayerMark = "{i}";

    /// <summary>The layers that have it; null: all.</summary>
    public LayerSet? Layers { get; init; }

    /// <summary>True when a checkpoint need not have it.</summary>
    public virtual bool IsOptional => false;

    /// <summary>What to do with it, in words; empty: take it as it is.</summary>
    public abstract string Description { get; }
}

/// <summary>Some of a model's layers.</summary>
/// <param name="Words">Which, in words.</param>
/// <param name="Contains">Whether a layer is one of them.</param>
internal sealed record LayerSet(string Words, Func<int, bool> Contains)
{
    /// <summary>All but the first.</summary>
    public static LayerSet AfterFirst { get; } = new("i > 0", i => i > 0);
}

/// <summary>A tensor that becomes one of ours or, stacked along its first axis, several.</summary>
internal sealed record MappedRule(string Published, string Shape, TensorMap Map, params IReadOnlyList<string> Ours) : LayoutRule(Published, Shape)
{
    /// <summary>True when the first axis counts our tensors.</summary>
    public bool IsStacked => Ours.Count > 1;

    public override string Description => (IsStacked, Map.Description) switch
    {
        (false, var map) => map,
        (true, "") => "parts along axis 0",
        (true, var map) => $"parts along axis 0, each {map}",
    };
}

/// <summary>A tensor that some files hold and no code reads: dropped, and not written.</summary>
internal sealed record UnusedRule(string Published, string Shape) : LayoutRule(Published, Shape)
{
    public override bool IsOptional => true;

    public override string Description => "not used; may be absent";
}

/// <summary>A second place of another published tensor (tied weights).</summary>
/// <param name="Published">Its name.</param>
/// <param name="Shape">Its extents.</param>
/// <param name="Of">The tensor it is the same as.</param>
/// <param name="IsWritten">True when the published code wants to find it.</param>
internal sealed record CopyRule(string Published, string Shape, string Of, bool IsWritten) : LayoutRule(Published, Shape)
{
    public override bool IsOptional => true;

    public override string Description => $"the same as {Of}; may be absent";
}

/// <summary>A tensor that holds what our code computes: checked, not kept, and written.</summary>
/// <param name="Published">Its name.</param>
/// <param name="Shape">Its extents.</param>
/// <param name="Values">Its elements, from the layout's sizes.</param>
internal sealed record ConstantRule(string Published, string Shape, Func<IReadOnlyDictionary<string, int>, double[]> Values) : LayoutRule(Published, Shape)
{
    /// <summary>Half precision keeps eight bits.</summary>
    public const double Tolerance = 0.01;

    public override bool IsOptional => true;

    public override string Description => "checked against what the block computes; may be absent";
}

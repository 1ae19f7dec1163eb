using Edifice.Engine;
using Edifice.Engine.Checking;
using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Attention.Checking;

/// <summary>Holds the gradients of whole blocks, by their input and by every parameter, against differences in float64: a
/// <see cref="ModuleGradCheck"/> of every case that a block names.</summary>
public static class BlockGradCheck
{
    /// <summary>How far parameters are moved from where they begin: zeros and ones would hide gradients.</summary>
    private const double Spread = 0.3;

    /// <summary>Checks a block on all of its cases.</summary>
    /// <exception cref="TensorException">There is no such block.</exception>
    public static IReadOnlyList<GradCheckResult> Run(string block, GradCheckOptions? options = null)
    {
        var info = Blocks.Find(block);
        return [.. info.GradientCases.Select(c => Run(info, c, options))];
    }

    /// <summary>Checks a block on one case.</summary>
    /// <param name="info">The block.</param>
    /// <param name="example">The case.</param>
    /// <param name="options">The function's name is set here; null: the defaults.</param>
    public static GradCheckResult Run(BlockInfo info, GradientCase example, GradCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(info);
        ArgumentNullException.ThrowIfNull(example);
        options ??= new GradCheckOptions();
        using var memory = Tensor.Scope();
        var before = Generator.Current.Save();
        Generator.Current.Restore(new RandomState(options.Seed, 0));
        try
        {
            var block = Build(info, example);
            var x = Tensor.Randn([example.Batch, example.Length, block.EmbedDim], DType.Float64);
            var inputs = example.Inputs?.Invoke();
            return ModuleGradCheck.Run(
                block,
                input => [example.Pieces is { } pieces ? Streamed(block, input[0], inputs, pieces) : block.ForwardSequence(input[0], inputs)],
                [x], options with { Function = $"{info.Name} {example.Name}" });
        }
        finally
        {
            Generator.Current.Restore(before);
        }
    }

    /// <summary>The block of a case in float64, in evaluation, with parameters drawn from the thread's stream.</summary>
    internal static SequenceBlock Build(BlockInfo info, GradientCase example)
    {
        var block = info.Build(OptionBag.Parse(example.Options).With("dropout", "0"), new ParameterOptions { DType = DType.Float64 });
        block.Eval();
        using var memory = Tensor.Scope();
        foreach (var p in block.Parameters()) p.Set(p.Value.Detach() + Tensor.Randn(p.Shape, DType.Float64, std: Spread));
        return block;
    }

    private static Tensor Streamed(SequenceBlock block, Tensor x, SequenceInputs? inputs, IReadOnlyList<int> pieces)
    {
        if (pieces.Sum() != x.Size(1)) throw new TensorException($"the pieces {string.Join(" + ", pieces)} are not {x.Size(1)} positions");
        using var state = block.InitialState(x.Size(0));
        var hidden = new List<Tensor>();
        var t = 0;
        foreach (var n in pieces)
        {
            hidden.Add(block.Prefill(x.Narrow(1, t, n), state, inputs?.Narrow(t, n)));
            t += n;
        }

        return Tensor.Cat([.. hidden], 1);
    }
}

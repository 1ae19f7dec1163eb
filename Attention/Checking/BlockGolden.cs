using Edifice.Engine;
using Edifice.Engine.Autograd;
using Edifice.Engine.Checking;
using Edifice.Engine.Ops;
using Edifice.Nn;

namespace Edifice.Attention.Checking;

/// <summary>Runs golden block cases and training runs through the registry: any block, by what the file says.</summary>
/// <remarks>The files have no dropout; where their options do not say so, the runner sets it to 0.</remarks>
public static class BlockGolden
{
    private const string Parameter = "param", Buffer = "buffer", Final = "final", Train = "train";

    /// <summary>Runs a block case or a training run, whichever the file holds.</summary>
    /// <param name="file">A case of a block of the registry.</param>
    /// <param name="dtype">Float32 or float64.</param>
    /// <param name="device">Where; null: the CPU.</param>
    /// <param name="overrides">Options to run with in place of the file's: those that change how a block computes and not
    /// what (<c>mode</c>, <c>chunk_size</c>).</param>
    /// <exception cref="TensorException">Not a case of a block of the registry, or options the block does not have.</exception>
    public static GoldenVerdict Run(GoldenFile file, DType dtype, Device? device = null, OptionBag? overrides = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        return file.Kind switch
        {
            null => RunCase(file, dtype, device, overrides),
            Train => RunTraining(file, dtype, device, overrides),
            var other => throw new TensorException($"{file.Name}: a file of the unknown kind '{other}'"),
        };
    }

    /// <summary>Runs the sequence of a block case as a stream, in pieces, and compares the hidden states.</summary>
    /// <param name="file">A case of a block that streams.</param>
    /// <param name="dtype">Float32 or float64.</param>
    /// <param name="piece">Positions per piece; 1: step by step.</param>
    /// <param name="device">Where; null: the CPU.</param>
    /// <param name="overrides">As in <see cref="Run"/>.</param>
    public static GoldenVerdict RunStreamed(GoldenFile file, DType dtype, int piece, Device? device = null, OptionBag? overrides = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfLessThan(piece, 1);
        using var memory = Tensor.Scope();
        using var off = Tensor.NoGrad();
        var comparer = new GoldenComparer($"{file.Name} in pieces of {piece}", dtype);
        if (Load(file, dtype, device, overrides, comparer) is not { } block) return comparer.Verdict();
        block.Eval();
        var x = file.Read("input", dtype, device);
        var inputs = Inputs(file, block, device);
        using var state = block.InitialState(x.Size(0));
        var hidden = new List<Tensor>();
        for (var t = 0; t < x.Size(1); t += piece)
        {
            var n = Math.Min(piece, x.Size(1) - t);
            var (rows, part) = (x.Narrow(1, t, n), inputs.Narrow(t, n));
            hidden.Add(piece == 1 ? block.Step(rows.Squeeze(1), state, part).Unsqueeze(1) : block.Prefill(rows, state, part));
        }

        comparer.Compare("hidden", Tensor.Cat([.. hidden], 1), file.Read("hidden"), GoldenTolerance.Result(dtype));
        return comparer.Verdict();
    }

    private static GoldenVerdict RunCase(GoldenFile file, DType dtype, Device? device, OptionBag? overrides)
    {
        using var memory = Tensor.Scope();
        using var mode = GradMode.On();
        var comparer = new GoldenComparer(file.Name, dtype);
        if (Load(file, dtype, device, overrides, comparer) is not { } block) return comparer.Verdict();
        block.Eval();
        var x = file.Read("input", dtype, device).RequiresGrad();
        var inputs = Inputs(file, block, device);
        var states = block.KeepsPositions ? "hidden" : "latents";
        var hidden = block.ForwardSequence(x, inputs);
        comparer.Compare(states, hidden, file.Read(states), GoldenTolerance.Result(dtype));
        using (Tensor.NoGrad()) comparer.Compare("output", block.Forward(x, inputs), file.Read("output"), GoldenTolerance.Result(dtype));

        var parameters = block.NamedParameters();
        var gradients = Gradients.Of(
            [hidden], [x, .. parameters.Select(p => p.Parameter.Value)], [file.Read("cotangent", dtype, device)], allowUnused: true);
        var tolerance = GoldenTolerance.Gradient(dtype, file.LargestGradient());
        comparer.Compare("grad.input", gradients[0], file.Read("grad.input"), tolerance);
        for (var i = 0; i < parameters.Count; i++)
        {
            var name = $"grad.{Parameter}.{parameters[i].Name}";
            comparer.Compare(name, gradients[i + 1], file.Read(name), tolerance);
        }

        return comparer.Verdict();
    }

    private static GoldenVerdict RunTraining(GoldenFile file, DType dtype, Device? device, OptionBag? overrides)
    {
        using var memory = Tensor.Scope();
        using var mode = GradMode.On();
        var comparer = new GoldenComparer(file.Name, dtype);
        if (Load(file, dtype, device, overrides, comparer) is not { } block) return comparer.Verdict();
        block.Train();
        var optimizer = new Optimizer(block, UpdateRule.FromOptions(OptionBag.Parse(Note(file, "optimizer"))));
        var clip = Note(file, "clip") is var text && text == "null" ? OptionBag.Empty : OptionBag.Parse(text);
        Tensor inputs = file.Read("in.inputs", dtype, device), targets = file.Read("in.targets", dtype, device);
        var losses = new double[file.Number("steps")];
        for (var s = 0; s < losses.Length; s++)
        {
            using var step = Tensor.Scope();
            optimizer.ZeroGrad();
            var loss = block.Forward(inputs.Select(0, s)).MseLoss(targets.Select(0, s));
            loss.Backward();
            losses[s] = loss.Item();
            if (clip.DoubleOrNull("norm") is { } norm) GradientClipping.ByNorm(optimizer.Parameters, norm);
            if (clip.DoubleOrNull("value") is { } bound) GradientClipping.ByValue(optimizer.Parameters, bound);
            optimizer.Step();
        }

        comparer.Compare("out.losses", Tensor.FromArray(losses), file.Read("out.losses"), GoldenTolerance.Loss(dtype));
        var parameters = block.NamedParameters();
        if (dtype == DType.Float32)
            comparer.Movement(parameters.Select(p => (p.Parameter.Value, file.Read($"{Final}.{p.Name}"), file.Read($"{Parameter}.{p.Name}"))));
        else
            foreach (var (name, p) in parameters) comparer.Compare($"{Final}.{name}", p.Value, file.Read($"{Final}.{name}"), GoldenTolerance.Trained);
        return comparer.Verdict();
    }

    /// <summary>The block with the file's options and values; null when they do not fit, which the comparer then says.</summary>
    private static SequenceBlock? Load(GoldenFile file, DType dtype, Device? device, OptionBag? overrides, GoldenComparer comparer)
    {
        var info = Blocks.Find(file.Block ?? throw new TensorException($"{file.Name} is not a case of a block"));
        var options = file.Options.Has("dropout") ? file.Options : file.Options.With("dropout", "0");
        foreach (var name in overrides?.Names ?? []) options = options.With(name, overrides!.Raw(name)!.Value.GetRawText());
        var block = info.Build(options, new ParameterOptions { DType = dtype, Device = device });
        var state = file.Names(Parameter).ToDictionary(n => n, n => file.Read($"{Parameter}.{n}", dtype, device));
        foreach (var name in file.Names(Buffer).Except(block.Takes)) state.Add(name, file.Read($"{Buffer}.{name}", dtype, device));
        try
        {
            block.LoadStateDict(state);
            return block;
        }
        catch (TensorException e)
        {
            comparer.Fail(e.Message);
            return null;
        }
    }

    /// <summary>What the file gives the block beside the sequence.</summary>
    private static SequenceInputs Inputs(GoldenFile file, SequenceBlock block, Device? device) => SequenceInputs.FromNamed(name =>
        block.Takes.Contains(name) && file.Has($"{Buffer}.{name}") ? (file.Read($"{Buffer}.{name}") > 0.5).To(device ?? Device.Cpu) : null);

    private static string Note(GoldenFile file, string key) =>
        file.Metadata(key) ?? throw new TensorException($"{file.Name}: the metadata lack '{key}'");
}

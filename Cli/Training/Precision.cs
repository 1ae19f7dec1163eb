using System.Globalization;
using Edifice.Engine;
using Edifice.Engine.Autograd;
using Edifice.Nn;

namespace Edifice.Cli.Training;

/// <summary>In which type a run multiplies matrices while it trains; weights, gradients and evaluation are float32 in any case.</summary>
internal static class Precision
{
    public const string Full = "f32";

    private const string ScaleNote = "loss_scale";

    /// <summary>The names, as typed and as written to a run's configuration.</summary>
    public static IReadOnlyList<string> Names { get; } = [Full, "bf16", "f16"];

    /// <exception cref="TensorException">An unknown name.</exception>
    public static DType Parse(string name) => name switch
    {
        Full => DType.Float32,
        "bf16" => DType.BFloat16,
        "f16" => DType.Float16,
        _ => throw new TensorException($"unknown precision '{name}'{NearestName.Hint(name, Names)}: {string.Join(", ", Names)}"),
    };

    /// <summary>What scales the loss of a run: float16 alone needs it.</summary>
    public static LossScale? ScaleFor(DType products) => products == DType.Float16 ? new LossScale() : null;

    /// <summary>Notes where a scale stands in a checkpoint.</summary>
    public static void Write(LossScale? scale, IDictionary<string, string> notes)
    {
        if (scale is not null) notes[ScaleNote] = string.Create(CultureInfo.InvariantCulture, $"{scale.Factor:r} {scale.GoodSteps}");
    }

    /// <summary>Brings a scale back to where it was noted.</summary>
    /// <exception cref="TensorException">There is no such note.</exception>
    public static void Read(LossScale? scale, IDictionary<string, string> notes)
    {
        if (scale is null) return;
        if (!notes.TryGetValue(ScaleNote, out var text) || text.Split(' ') is not [var factor, var steps]
            || !double.TryParse(factor, NumberStyles.Float, CultureInfo.InvariantCulture, out var f)
            || !int.TryParse(steps, NumberStyles.None, CultureInfo.InvariantCulture, out var s))
            throw new TensorException(
                $"the checkpoint of a run in f16 needs the note '{ScaleNote}', a factor and a number of steps; it has '{text}'");
        scale.Restore(f, s);
    }
}

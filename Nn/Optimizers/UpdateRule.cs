using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Nn;

/// <summary>How an <see cref="Optimizer"/> changes parameters: a rule with its settings, immutable
/// (<c>rule with { LearningRate = 1e-4 }</c>).</summary>
/// <remarks>In the equations θ is the parameter, g its gradient, γ the learning rate, λ the weight decay and t = 1, 2, …
/// the number of the step; all state is zero at first. A gradient of zeros is a gradient: moments decay and weight decay
/// acts.</remarks>
public abstract record UpdateRule
{
    private protected UpdateRule(double learningRate) => LearningRate = learningRate;

    /// <summary>γ, at least 0.</summary>
    public double LearningRate { get; init; }

    /// <summary>λ, at least 0.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Its name in options and files.</summary>
    public abstract string Name { get; }

    internal abstract OptimizerKernel Kernel { get; }

    /// <summary>Names of the kernel's states 0, 1, 2; null where the settings need none.</summary>
    internal abstract (string? First, string? Second, string? Third) States { get; }

    internal abstract OptimizerSettings At(long step);

    /// <summary>Reads a rule from its <c>name</c> and options; those left out have their defaults.</summary>
    /// <exception cref="TensorException">An unknown name or option, or a setting outside its range.</exception>
    public static UpdateRule FromOptions(OptionBag options)
    {
        ArgumentNullException.ThrowIfNull(options);
        UpdateRule rule = options.Text("name", "") switch
        {
            "sgd" => Sgd.Read(options),
            "adam" => Adam.Read(options),
            "adamw" => AdamW.Read(options),
            "lion" => Lion.Read(options),
            "rmsprop" => RmsProp.Read(options),
            var other => throw new TensorException($"optimizer: unknown name '{other}': sgd, adam, adamw, lion or rmsprop"),
        };
        foreach (var name in options.Names)
            if (!rule.ToOptions().Names.Contains(name))
                throw new TensorException($"optimizer: {rule.Name} has no option '{name}'{NearestName.Hint(name, rule.ToOptions().Names)}");
        rule.Validate();
        return rule;
    }

    /// <summary>Name and all settings, as <see cref="FromOptions"/> reads them; numbers keep all their bits.</summary>
    public OptionBag ToOptions()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("name", Name);
            json.WriteNumber("lr", LearningRate);
            Write(json);
            json.WriteNumber("weight_decay", WeightDecay);
            json.WriteEndObject();
        }

        return OptionBag.Parse(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    /// <summary>Checks every setting.</summary>
    /// <exception cref="TensorException">A setting is outside its range.</exception>
    public virtual void Validate()
    {
        NotNegative(LearningRate);
        NotNegative(WeightDecay);
    }

    private protected abstract void Write(Utf8JsonWriter json);

    private protected void NotNegative(double value, [CallerArgumentExpression(nameof(value))] string? what = null)
    {
        if (!(value >= 0 && double.IsFinite(value))) throw new TensorException($"{Name}: {what} must be finite and at least 0, got {value}");
    }

    private protected void BelowOne(double value, [CallerArgumentExpression(nameof(value))] string? what = null)
    {
        if (!(value is >= 0 and < 1)) throw new TensorException($"{Name}: {what} must lie in [0, 1), got {value}");
    }

    private protected static (double First, double Second) ReadBetas(OptionBag options, double first, double second) =>
        options.Doubles("betas") switch
        {
            null => (first, second),
            [var a, var b] => (a, b),
            var other => throw new TensorException($"option 'betas': needs two numbers, got {other.Length}"),
        };

    private protected static void WriteBetas(Utf8JsonWriter json, double first, double second)
    {
        json.WriteStartArray("betas");
        json.WriteNumberValue(first);
        json.WriteNumberValue(second);
        json.WriteEndArray();
    }
}

using Edifice.Engine.Ops;

namespace Edifice.Attention;

/// <summary>The options of a block: immutable, compared by value, changed with <c>with</c>. The same names in snake_case
/// are its options in JSON.</summary>
/// <remarks>Nothing is checked while properties are set, so that they may be set in any order; <see cref="Validate"/>
/// checks them all, and every block calls it first.</remarks>
public abstract record BlockOptions
{
    /// <summary>Sets the defaults that differ between blocks.</summary>
    /// <param name="block">The block's name in the registry.</param>
    /// <param name="numLayers">Default of <see cref="NumLayers"/>.</param>
    /// <param name="dropout">Default of <see cref="Dropout"/>.</param>
    protected BlockOptions(string block, int numLayers, double dropout)
    {
        Block = block;
        NumLayers = numLayers;
        Dropout = dropout;
    }

    /// <summary>The name of the block these options are for.</summary>
    public string Block { get; }

    /// <summary>E, the width of the input.</summary>
    public required int EmbedDim { get; init; }

    /// <summary>H, the width of the hidden states and of the output.</summary>
    public int HiddenSize { get; init; } = 256;

    /// <summary>How many layers.</summary>
    public int NumLayers { get; init; }

    /// <summary>Probability that training sets an element to zero, where the block's page says so; in [0, 1).</summary>
    public double Dropout { get; init; }

    /// <summary>All options of this type.</summary>
    protected abstract OptionTable Table { get; }

    /// <summary>Checks what only this block has.</summary>
    protected abstract void Check(OptionProblems problems);

    /// <summary>Checks all options and how they go together.</summary>
    /// <exception cref="OptionException">Something is wrong; the message names all of it.</exception>
    public void Validate()
    {
        var problems = new OptionProblems();
        problems.Size("embed_dim", EmbedDim);
        problems.Size("hidden_size", HiddenSize);
        problems.Size("num_layers", NumLayers);
        Check(problems);
        problems.Fraction("dropout", Dropout);
        if (problems.Found.Count > 0) throw new OptionException(Block, problems.Found);
    }

    /// <summary>All options with their values, as <see cref="OptionTable.Read"/> takes them; numbers keep all their bits.</summary>
    public OptionBag ToOptions() => Table.Write(this);
}

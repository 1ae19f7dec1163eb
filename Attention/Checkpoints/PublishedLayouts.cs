using Edifice.Attention.Checkpoints.Layouts;
using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention.Checkpoints;

/// <summary>The registry of published layouts.</summary>
public static class PublishedLayouts
{
    /// <summary>All layouts in the order in which they are listed.</summary>
    public static IReadOnlyList<PublishedLayout> All { get; } =
    [
        new Rwkv7Layout(),
        new FlaRwkv7Layout(),
        new RecurrentGemmaLayout(),
        new GriffinLayout(),
        new TorchscaleRetNetLayout(),
        new FlaRetNetLayout(),
        new FlaGlaLayout(),
        new FlaHgrn2Layout(),
    ];

    /// <summary>A layout by name.</summary>
    /// <exception cref="TensorException">There is none; the message has the nearest name.</exception>
    public static PublishedLayout Find(string name) => All.FirstOrDefault(l => l.Name == name) ?? throw new TensorException(
        $"there is no layout '{name}'{NearestName.Hint(name, All.Select(l => l.Name))}; there are {string.Join(", ", All.Select(l => l.Name))}");
}

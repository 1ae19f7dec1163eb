using System.Collections;
using System.Globalization;

namespace Edifice.Nn;

/// <summary>Modules by number: their members are named <c>0.…</c>, <c>1.…</c> and so on.</summary>
public sealed class ModuleList<T> : Module, IReadOnlyList<T> where T : Module
{
    private readonly List<T> _items = [];

    /// <summary>An empty list.</summary>
    public ModuleList() { }

    /// <summary>A list of the given modules.</summary>
    public ModuleList(IEnumerable<T> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        foreach (var item in items) Add(item);
    }

    /// <inheritdoc/>
    public int Count => _items.Count;

    /// <inheritdoc/>
    public T this[int index] => _items[index];

    /// <summary>Appends a module.</summary>
    public void Add(T item) => _items.Add(Register(_items.Count.ToString(CultureInfo.InvariantCulture), item));

    /// <inheritdoc/>
    public IEnumerator<T> GetEnumerator() => _items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

package import Foundation

/// What a site sells access to.
package struct Plan: Sendable, Hashable {
    package typealias ID = Identifier<Plan>

    package var id: ID
    package var site: Site.ID
    package var slug: Slug
    package var name: String
    /// The items that open it, its External IDs. An item may open several plans. Source: rule D6.
    package var items: Set<ItemKey>
    package var createdAt: Date

    package init(id: ID, site: Site.ID, slug: Slug, name: String, items: Set<ItemKey>, createdAt: Date) {
        self.id = id
        self.site = site
        self.slug = slug
        self.name = name
        self.items = items
        self.createdAt = createdAt
    }
}
